// Preact with htm: what every part and page builds its elements with.

import { h, render, Fragment, createContext } from "../vendor/preact.js";
import {
  useCallback, useContext, useEffect, useErrorBoundary, useId, useLayoutEffect, useMemo, useReducer,
  useRef, useState,
} from "../vendor/hooks.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export {
  h, render, Fragment, createContext, useCallback, useContext, useEffect, useErrorBoundary, useId,
  useLayoutEffect, useMemo, useReducer, useRef, useState,
};
