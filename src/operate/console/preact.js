/** In the browser, this name stands for the package itself: see console.ts. This file is for tools that check. */
export * from "npm:htm@3.1.1/preact/standalone";
