/** What the program may do, asked without a prompt. @module */

async function granted(descriptor: Deno.PermissionDescriptor): Promise<boolean> {
  const { state } = await Deno.permissions.query(descriptor);
  return state === "granted";
}

/** Whether a path may be read. */
export function readable(path: string): Promise<boolean> {
  return granted({ name: "read", path });
}

/** Whether a path may be written. */
export function writable(path: string): Promise<boolean> {
  return granted({ name: "write", path });
}

/** Whether an address may be connected to, or listened on. */
export function reachable(hostname: string, port: number): Promise<boolean> {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return granted({ name: "net", host: `${host}:${port}` });
}
