/** SIGTERM and SIGINT: the first asks to stop, the second ends at once (S-DRN-1). @module */

/** The exit code of a process that a second signal ended. */
const KILLED = 130;

/** The signals that stop; Windows has no SIGTERM to listen to. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Calls `stop` at the first signal; the second exits the process.
 *
 * @returns Dispose of it to let the signals do what they do by default.
 */
export function onStop(stop: (signal: string) => void): Disposable {
  let stopping = false;
  const listeners = SIGNALS.map((signal) => {
    const listener = () => {
      if (stopping) Deno.exit(KILLED);
      stopping = true;
      stop(signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return {
    [Symbol.dispose]() {
      for (const remove of listeners) remove();
    },
  };
}
