// What every page does in the browser: menus, the dialog, the theme, errors of htmx.
import htmx from "htmx.org";
import "./app/dialog.js";
import "./app/menus.js";
import "./app/tips.js";
import "./app/forms.js";
import "./app/pairs.js";
import "./app/rows.js";
import "./app/uploads.js";
import "./app/live.js";
import "./app/passkeys.js";

window.htmx = htmx; // the scripts of single pages use it
import "./app/regions.js";
