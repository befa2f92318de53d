// What a style sheet shows on hover and focus can be put away without moving either (WCAG 1.4.13).
const HOLDER = ".performance-parts > li";

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const holder of document.querySelectorAll(`${HOLDER}:is(:hover, :focus-within)`)) {
    holder.classList.add("is-dismissed");
  }
});

for (const left of ["pointerout", "focusout"]) {
  document.addEventListener(left, (event) => {
    const holder = event.target.closest?.(HOLDER);
    if (holder && !holder.contains(event.relatedTarget)) holder.classList.remove("is-dismissed");
  });
}
