// Dialogs, and where the focus is: whenever one closes it goes back to the labelling surface, where every key is heard.
// On the button that opened the dialog, Enter would open it again.

export const covered = () => document.hidden || document.querySelector("dialog[open]") !== null;

export function surface() {
  document.querySelector("main").focus({ preventScroll: true });
}

// moved: told when the picture was covered or uncovered.
export function watchDialogs(moved) {
  document.addEventListener("visibilitychange", (event) => moved(event.timeStamp));
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("close", (event) => {
      surface();
      moved(event.timeStamp);
    });
  }
}

export function open(dialog) {
  surface(); // what has the focus now gets it back at once when the dialog closes, and is told of it later
  dialog.showModal();
  dialog.scrollTop = 0; // at its heading, which has the focus
}
