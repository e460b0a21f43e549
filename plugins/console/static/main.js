// The console: signs in, follows the kernel, and shows the page that the address names.

import { get } from "./lib/api.js";
import { closeLive, openLive } from "./lib/live.js";
import { me, redeemTicket, signOut, token } from "./lib/session.js";
import { useSignal } from "./lib/signal.js";
import { html, render, useEffect } from "./lib/ui.js";
import { Shell } from "./parts/shell.js";
import { SignIn } from "./parts/sign-in.js";
import { applyTheme } from "./parts/theme.js";

function App() {
  const signedIn = useSignal(token);
  const who = useSignal(me);
  useEffect(() => {
    if (!signedIn) return undefined;
    identify();
    openLive();
    return closeLive;
  }, [signedIn]);
  if (!signedIn) return html`<${SignIn} />`;
  return html`<${Shell} who=${who} />`;
}

// Until the kernel has said who this is nothing may be changed; it is asked until it says.
async function identify() {
  const asked = token.value;
  try {
    const who = await get("/v1/me");
    if (asked === token.value) me.value = who;
  } catch (error) {
    if (error.status === 403) signOut("This token may not use the console: it takes the role viewer, operator or admin.");
    else if (token.value === asked) setTimeout(identify, 1000);
  }
}

applyTheme();
try {
  await redeemTicket();
} catch {
  signOut("The kernel cannot be reached.");
}
addEventListener("hashchange", redeemTicket);
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
