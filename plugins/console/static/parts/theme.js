// Light, dark, or as the system has it: kept in this browser.

import { Signal } from "../lib/signal.js";

const KEY = "retinue.theme";
const THEMES = ["auto", "light", "dark"];

export const theme = new Signal(THEMES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto");

export function nextTheme() {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  localStorage.setItem(KEY, theme.value);
  applyTheme();
}

export function applyTheme() {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}
