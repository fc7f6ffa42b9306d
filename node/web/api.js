// What the node answers, and its stream of events.

const TIMEOUT_MS = 5000;

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(query ? `${path}?${query}` : path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}

const RETRY_MS = 2000;

// Calls onEvent whenever the node has news, for as long as the page lives. A fetch and no EventSource: that one
// wants to know the names of all events.
export async function follow(onEvent) {
  for (;;) {
    const stream = await fetch("/v1/events", { headers: { Accept: "text/event-stream" } }).catch(() => null);
    const reader = stream?.ok ? stream.body.pipeThrough(new TextDecoderStream()).getReader() : null;
    for (let part = { done: !reader }; !part.done; part = await reader.read().catch(() => ({ done: true })))
      if (part.value?.includes("event:")) onEvent();
    await new Promise((wake) => setTimeout(wake, RETRY_MS));
  }
}
