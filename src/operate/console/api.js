/** Asks the door, and keeps what it answers up to date. */
import { useEffect, useRef, useState } from "./preact.js";

/** What the door has refused, in its own words. */
export class Refused extends Error {
  constructor(status, { error, faults = [] }) {
    super(error);
    this.status = status;
    this.faults = faults;
  }
}

/** Asks once; `body` is sent as JSON. */
export async function ask(path, { method = "GET", body } = {}) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
  } catch {
    throw new Refused(0, { error: "the server does not answer" });
  }
  if (response.status === 204) return null;
  const answer = await response.json();
  if (response.ok) return answer;
  if (response.status === 401 && path !== "/login") dispatchEvent(new Event("logged-out"));
  throw new Refused(response.status, answer);
}

/** What a path answers, asked again every `ms` milliseconds and by `again`, while the page is seen. */
export function usePolled(path, ms) {
  const [state, setState] = useState({ data: undefined, error: undefined });
  const again = useRef(() => {});
  useEffect(() => {
    let timer;
    let over = false;
    const look = async () => {
      clearTimeout(timer);
      if (!document.hidden) {
        try {
          const data = await ask(path);
          if (!over) setState({ data, error: undefined });
        } catch (error) {
          if (!over) setState((before) => ({ ...before, error }));
        }
      }
      if (!over) timer = setTimeout(look, ms);
    };
    again.current = look;
    setState({ data: undefined, error: undefined });
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [path, ms]);
  return { ...state, again: () => again.current() };
}

/** Events as they happen, the newest first, at most `max`. The browser connects again by itself. */
export function useEvents(query, max, types) {
  const [events, setEvents] = useState([]);
  const [connected, setConnected] = useState(false);
  useEffect(() => {
    setEvents([]);
    const source = new EventSource(`/api/v1/events${query}`);
    const heard = ({ data }) => {
      if (data === "") return;
      const event = JSON.parse(data);
      setEvents((before) => [event, ...before].slice(0, max));
    };
    for (const type of types) source.addEventListener(type, heard);
    source.onopen = () => setConnected(true);
    source.onerror = () => setConnected(false);
    return () => source.close();
  }, [query, max]);
  return { events, connected };
}
