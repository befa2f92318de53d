// A file that is too big is said to be so before it is sent; the server says it too.
document.addEventListener("change", (event) => {
  const input = event.target.closest("input[type=file][data-most-bytes]");
  if (!input) return;
  const isTooBig = [...input.files].some((file) => file.size > Number(input.dataset.mostBytes));
  input.setCustomValidity(isTooBig ? input.dataset.tooBig : "");
  input.reportValidity();
});

// A file may be dropped on the field's frame as well.
for (const frame of document.querySelectorAll("[data-drop]")) {
  const input = frame.querySelector("input[type=file]");
  frame.addEventListener("dragover", (event) => {
    event.preventDefault();
    frame.classList.add("is-over");
  });
  frame.addEventListener("dragleave", () => frame.classList.remove("is-over"));
  frame.addEventListener("drop", (event) => {
    event.preventDefault();
    frame.classList.remove("is-over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
