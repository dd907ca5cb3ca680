// A photo of one's own: sent, looked at by the bridge, fitted by the graph; then it is the portrait, or here stands why not.

const $ = (id) => document.getElementById(id);
const TYPES = ["image/jpeg", "image/png", "image/webp"];

export function setUpUpload() {
  let longest = 0;
  let request = null;
  let waiting = false; // for the graph's word on the photo that was sent here
  let since = 0;

  function show(text, kind = "") {
    $("upload-state").textContent = text;
    $("upload-state").className = kind;
    $("upload-progress").hidden = kind !== "busy";
    $("upload-choose").disabled = kind === "busy" && request !== null;
  }

  function send(file) {
    if (!longest || request) return;
    waiting = false;
    if (!TYPES.includes(file.type)) return show(`${file.name} is no JPEG, PNG or WebP picture.`, "bad");
    if (file.size > longest) return show(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB: at most ${(longest / 1e6).toFixed(0)} MB are taken.`, "bad");
    request = new XMLHttpRequest(); // fetch does not tell how much has been sent
    request.open("POST", "portrait");
    request.setRequestHeader("Content-Type", file.type);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => {
      $("upload-progress").value = loaded / total;
      if (loaded === total) unknown("Looking at the photo");
      else show(`Sending the photo: ${Math.round((100 * loaded) / total)} %`, "busy");
    };
    request.onloadend = () => {
      const [status, answer] = [request.status, request.response];
      request = null;
      if (answer?.ok) {
        [waiting, since] = [true, performance.now()];
        unknown("Fitting the photo, which takes some seconds");
      } else {
        show(answer?.text ? sentence(answer.text) : status ? `The photo was refused (${status}).` : "The photo did not get through: the connection was lost.", "bad");
      }
    };
    show("Sending the photo", "busy");
    request.send(file);
  }

  function unknown(text) {
    $("upload-progress").removeAttribute("value");
    show(text, "busy");
  }

  $("upload-choose").onclick = () => $("photo").click();
  $("photo").onchange = () => {
    const [file] = $("photo").files;
    $("photo").value = "";
    if (file) send(file);
  };

  return {
    send,
    hello({ max_upload: bytes }) {
      longest = bytes;
      $("upload").hidden = !bytes;
    },
    state({ portrait }) {
      if (!waiting || !portrait || performance.now() - since < 500) return;
      if (portrait.state === "shown") show("This is the portrait now.", "good");
      else if (portrait.state === "refused") show(sentence(portrait.text), "bad");
      else return;
      waiting = false;
    },
    lost() {
      if (waiting) show("The connection was lost while the photo was being fitted.", "bad");
      waiting = false;
    },
  };
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
