// What is there before anybody is signed in.

import { farewell, signIn } from "../lib/session.js";
import { useSignal } from "../lib/signal.js";
import { html, useState } from "../lib/ui.js";

export function SignIn() {
  const why = useSignal(farewell);
  const [given, setGiven] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (given.trim()) signIn(given.trim());
  };
  return html`<main class="sign-in">
    <h1>Retinue</h1>
    ${why && html`<p class="notice bad" role="alert">${why}</p>`}
    <p>Run this beside the kernel, and open the address that it prints:</p>
    <pre><code>retinue console</code></pre>
    <form onSubmit=${submit}>
      <label for="token">Or a token, as <code>retinue tokens create</code> made it</label>
      <input id="token" type="password" autocomplete="off" spellcheck=${false} value=${given}
        onInput=${(event) => setGiven(event.target.value)} />
      <button class="primary" disabled=${!given.trim()}>Sign in</button>
    </form>
  </main>`;
}
