// uPlot, fetched when the first plot is shown, and the colours that it draws with.

const VENDOR = new URL("../vendor/", import.meta.url);
let loading = null;

/** The library's constructor. Rejects when it cannot be had, and may be asked again. */
export function plots() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** A colour of the page's tokens, as a canvas takes it; they depend on the theme. */
export function colour(token, alpha = 1) {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g);
  probe.remove();
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

async function load() {
  await Promise.all([
    inserted("link", { rel: "stylesheet", href: new URL("uplot.css", VENDOR).href }),
    inserted("script", { src: new URL("uplot.js", VENDOR).href }),
  ]);
  return globalThis.uPlot;
}

function inserted(name, attributes) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement(name), attributes);
    element.onload = resolve;
    element.onerror = () => {
      element.remove();
      reject(new Error("The library that draws plots could not be loaded."));
    };
    document.head.append(element);
  });
}
