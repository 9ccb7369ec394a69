/** Connects for `fxfer send`, in the session of an earlier run if there is one. @module */
import { type Client, type ClientEvent, connect, type ConnectOptions } from "../../client/mod.ts";
import { FxferError, reasonOf } from "../../errors.ts";

/** Who is told of what. */
interface Listeners {
  readonly say: (sentence: string) => void;
  readonly onEvent: (event: ClientEvent) => void;
}

/** What is remembered of a session may be wrong by now: then a new one is made, and the files go all the same. */
export async function connectIn(
  session: Pick<ConnectOptions, "sessionId" | "token">,
  options: ConnectOptions,
  { say, onEvent }: Listeners,
): Promise<Client> {
  try {
    return await connect({ ...options, ...session, onEvent });
  } catch (error) {
    const isFinal = error instanceof FxferError &&
      (error.class !== "fatal" || error.code === "unsupported_version");
    if (session.sessionId === undefined || isFinal) throw error;
    say(`the session of the run before is of no use: ${reasonOf(error)}`);
    return await connect({ ...options, onEvent });
  }
}
