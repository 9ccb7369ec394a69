/** SIGTERM and SIGINT: the first asks the program to stop, the second ends it at once (S-DRN-1). @module */

/** The exit code after a second signal. */
const KILLED = 130;

/** The signals that stop the program; on Windows Deno cannot listen for SIGTERM. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Calls `stop` at the first signal; the second exits the process.
 *
 * @returns After its disposal the signals have their default effect again.
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
