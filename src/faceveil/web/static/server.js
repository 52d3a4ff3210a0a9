// Calls of the API. A call whose `signal` is aborted stops on the server as well.

const $ = (id) => document.getElementById(id);
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) history.replaceState(null, "", location.pathname); // not left in the address bar

/** The answer of GET or, with a form, of POST as an object; an Error with `code` where refused. */
export async function call(path, form, signal) {
  for (;;) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    let answer;
    try {
      answer = await fetch(`/api/v1/${path}`, { method: form ? "POST" : "GET", body: form, headers, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw Object.assign(new Error("The server does not answer. Is it still running?"), { code: "gone" });
    }
    if (answer.ok) return answer.json();
    if (answer.status === 429) {
      await pause(Number(answer.headers.get("Retry-After")) || 2);
      signal?.throwIfAborted();
    } else if (answer.status === 401) {
      await askToken();
    } else {
      const problem = await answer.json().catch(() => ({}));
      throw Object.assign(new Error(problem.message || `The server answered ${answer.status}.`), { code: problem.code });
    }
  }
}

function askToken() {
  return new Promise((done) => {
    $("token").value = "";
    $("login-note").textContent = token ? "That token was not accepted." : "";
    $("login").showModal();
    $("login").addEventListener("close", () => { token = $("token").value.trim(); done(); }, { once: true });
  });
}

/** A form of one photo; its name stays here, since the server needs none. */
export function formOf(blob, fields = {}) {
  const form = new FormData();
  form.append("photo", blob, "photo");
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

/** The picture of a JSON answer. */
export function pictureOf({ image, media_type: type }) {
  return new Blob([Uint8Array.from(atob(image), (c) => c.charCodeAt(0))], { type });
}
