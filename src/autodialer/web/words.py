"""What scripts say to people, for the translators: `{% words "page" %}` hands it to `words.js`.

Names in braces are filled in by the script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import Promise

WORDS: Final[Mapping[str, Mapping[str, Promise]]] = {
    "page": {
        "unreachable": _("The server cannot be reached. Nothing was changed; try again."),
        "too-slow": _("The server took too long to answer. Look at the page before you try again."),
        "age": _("updated {seconds} s ago"),
        "lost": _("Live feed lost – showing {time} figures"),  # noqa: RUF001  a dash between words
        "ended": _("You are signed out, or may not see this page any more: load it again."),
        "NotAllowedError": _("Nothing was done: it was cancelled, or took too long. Try again."),
        "InvalidStateError": _("This key is there already."),
        "SecurityError": _("Passkeys need a secure (https) address that is not a plain number."),
        "no-key": _("The key could not be used: {message}"),
    },
    # By the reason of each state of softphone.js.
    "phone": {
        "offline": _("Your phone is switched off."),
        "connecting": _("Your phone is connecting …"),
        "ready": _("Your phone is ready."),
        "ringing": _("The dialer calls you …"),
        "in-call": _("You are on the line."),
        "in-call-without-network": _(
            "The connection is lost, but your call goes on. Trying to connect again …"
        ),
        "in-call-without-microphone": _(
            "Your microphone is gone: the customer cannot hear you. Plug one in; your call goes on."
        ),
        "no-microphone": _(
            "No microphone was found. Plug in a headset; your phone goes on by itself."
        ),
        "microphone-busy": _(
            "Another program uses the microphone. Close it, then switch the phone on again."
        ),
        "no-network": _("The connection is lost. Trying to connect again …"),
        "microphone-blocked": _(
            "The browser may not use the microphone. Allow it beside the address, then switch the"
            " phone on again."
        ),
        "page-not-secure": _(
            "The browser gives a microphone to secure pages only. Open this page with https://."
        ),
        "other-window": _(
            "Your phone is open in another window of this browser. Close that one; this one goes"
            " on by itself."
        ),
        "refused": _(
            "Your phone was switched on somewhere else, or you were signed out. Switch it on here"
            " to take it back."
        ),
        "no-account": _(
            "Your phone could not be set up. Reload the page; ask your supervisor if it stays so."
        ),
    },
}
