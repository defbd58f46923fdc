// Keys to move between claims and decide on them, and messages when the server does not answer.
const status = document.getElementById("status");
const help = document.getElementById("help");
let next = null; // the id of the claim to focus once the server has answered a key
let clearing;

const claims = () => [...document.querySelectorAll("li.claim[tabindex]")];
// After an answer and before the focus moves, a key is meant for the claim that is about to get the focus.
function focused() {
  const now = document.activeElement?.closest?.("li.claim[tabindex]");
  if (now || !next) return now;
  const coming = document.getElementById(next);
  next = null;
  coming?.focus();
  return coming;
}

function announce(text) {
  status.textContent = text;
  clearSoon();
}

function clearSoon() {
  clearTimeout(clearing);
  clearing = setTimeout(() => { document.getElementById("status").textContent = ""; }, 6000);
}

function move(step) {
  const all = claims();
  const at = all.indexOf(focused());
  const to = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
  all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
}

function press(claim, action) {
  const button = claim?.querySelector(`button[name=action][value=${action}]`);
  if (!button) return;
  const all = claims();
  next = action === "undo" ? claim.id : all[all.indexOf(claim) + 1]?.id ?? claim.id;
  button.click();
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  a: () => press(focused(), "approve"),
  x: () => press(focused(), "strike"),
  u: () => press(focused(), "undo"),
  e: () => {
    const edit = focused()?.querySelector("details.edit");
    if (edit) { edit.open = true; edit.querySelector("input").select(); }
  },
  A: () => {
    const card = focused()?.closest(".card") ?? document.querySelector(".card");
    card?.querySelector("button.approve-all")?.click();
  },
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const edit = event.target.closest?.("details.edit");
  if (event.key === "Escape" && edit) {
    edit.open = false;
    edit.closest("li.claim").focus();
    return;
  }
  if (event.target.matches?.("input, textarea, select, canvas") && event.key !== "?") return;
  if (event.target.matches?.("input, textarea, select")) return;
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

// Enter sends a form by its first button, which would approve the claim instead of editing it.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("details.edit input")) {
    event.preventDefault();
    const claim = event.target.closest("li.claim");
    next = claim.id;
    claim.querySelector("button[value=edit]").click();
  }
});

document.getElementById("help-button").addEventListener("click", () => help.showModal());
document.addEventListener("toggle", (event) => {
  if (event.target.matches("details.edit[open]")) event.target.querySelector("input").focus();
}, true);

document.addEventListener("htmx:afterSettle", () => {
  clearSoon();
  if (next) document.getElementById(next)?.focus();
  next = null;
});
document.addEventListener("htmx:sendError", () => announce("No answer. Is profilegen review still running? Nothing was saved."));
document.addEventListener("htmx:responseError", (event) => {
  const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  announce(page.querySelector("[role=alert]")?.textContent ?? page.body.textContent.trim());
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target.closest?.("form[method=post]");
  if (form && document.querySelector("#who summary").textContent === "Who are you?") {
    event.preventDefault();
    document.getElementById("who").open = true;
    document.getElementById("reviewer").focus();
    announce("Enter your name first.");
  }
});
