/**
 * SIGTERM and SIGINT: the first asks the program to stop, the second ends it at once (S-DRN-1). And
 * SIGHUP, by which whoever rotates logs says that the files have new names.
 *
 * @module
 */

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

/** Calls `work` at each SIGHUP, which no longer ends the program until the result is disposed of. */
export function onHangup(work: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]: () => {} };
  Deno.addSignalListener("SIGHUP", work);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", work) };
}
