// The text field: Enter has the text spoken, Escape interrupts; where nobody speaks what is written it says why.

const $ = (id) => document.getElementById(id);
const HEARD_MS = 500; // from the word that a sentence is spoken to its sound
const KINDS = { a: "American", b: "British", e: "Spanish", i: "Italian" };

// say(message) -> Promise of the answer; attempt(work): shows what goes wrong; interrupt(): silence.
export function setUpSay({ say, attempt, interrupt, complain }) {
  const [form, field, button, hint, caption, voice] = ["say", "say-text", "say-go", "say-hint", "caption", "voice"].map($);
  let last = ""; // the text before, which the up arrow brings back
  let offered = "";
  let coming = 0;
  let next = ""; // caption that is shown, or will be at once
  let ready = false;

  form.onsubmit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text || !ready) return;
    attempt(async () => {
      button.disabled = true;
      try {
        const answer = await say({ type: "say", text, voice: voice.value });
        if (!answer.ok) return complain(capital(answer.text) + ".");
        last = text;
        if (field.value.trim() === text) field.value = "";
      } finally {
        button.disabled = !ready;
      }
    });
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      if (field.value) field.select();
      interrupt();
    } else if (event.key === "ArrowUp" && !field.value) {
      event.preventDefault();
      field.value = last;
    }
  });

  function show(state, reason) {
    ready = state;
    field.disabled = button.disabled = !ready;
    if (hint.textContent !== reason) hint.textContent = reason;
    if (!ready) caption.hidden = true;
  }

  return {
    focus: () => field.focus(),
    hello({ max_say: longest }) {
      field.maxLength = longest;
    },
    state({ say: state }) {
      show(Boolean(state?.ready), state?.ready ? "" : (state?.reason ?? ""));
      const voices = state?.ready ? state.voices : [];
      $("voice-row").hidden = !voices.length;
      if (offered === voices.join()) return;
      offered = voices.join();
      const chosen = voice.value || state.voice;
      voice.replaceChildren(...voices.map((name) => new Option(titled(name), name)));
      voice.value = voices.includes(chosen) ? chosen : (state.voice ?? "");
    },
    told({ state, sentence, text }) {
      const wanted = state === "speaking" ? sentence : "";
      const show = () => { caption.textContent = wanted; caption.hidden = !wanted; };
      if (state === "stopped") {
        clearTimeout(coming);
        show();
      } else if (wanted !== next) {
        clearTimeout(coming);
        coming = setTimeout(show, HEARD_MS);
      }
      next = wanted;
      if (state === "stopped" && text && !/^(interrupted|cancelled)/.test(text)) complain(`The text was not spoken to its end: ${text}.`);
    },
    lost: () => show(false, ""),
  };
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
function titled(name) {
  const [kind, ...rest] = name.split("_");
  return rest.length && KINDS[kind[0]] ? `${capital(rest.join(" "))} (${KINDS[kind[0]]}, ${kind[1] === "f" ? "woman" : "man"})` : capital(name);
}
