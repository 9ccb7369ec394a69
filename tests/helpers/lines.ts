/** What a program says, line by line. @module */

/** Hands on each line as soon as it is whole, and at the end what is left; gives all of the text. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  hear: (line: string) => void,
): Promise<string> {
  let text = "";
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) hear(line);
  }
  if (rest !== "") hear(rest);
  return text;
}
