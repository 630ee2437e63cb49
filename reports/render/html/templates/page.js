
"use strict";
const announcement = document.getElementById("status");

function choose(text) {
  const range = document.createRange();
  range.selectNodeContents(text);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(button) {
  const text = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(text.textContent);
    announcement.textContent = "Copied.";
    button.classList.add("done");
    button.firstChild.textContent = "Copied";
    setTimeout(() => {
      announcement.textContent = "";
      button.classList.remove("done");
      button.firstChild.textContent = "Copy";
    }, 2000);
  } catch {
    choose(text);
    announcement.textContent = "Selected. Copy it with your keyboard.";
  }
}

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

addEventListener("beforeprint", () => {
  for (const closed of document.querySelectorAll("details")) closed.open = true;
});
