// The gateway's events, once a second, and the knowledge of whether they still come.

const SILENCE = 5000; // ms without an update, after which what is shown is no longer the present
const AGAIN = 2000; // ms until the next try, where the browser makes none itself

/**
 * Follow the gateway for as long as the page is open.
 * `opened()` comes before the first update of each connection, `update(data)` each second,
 * `lost()` when there is no connection, or no update for a while.
 */
export function follow({ opened, update, lost }) {
  let silence;
  let fresh = true;

  function alarm() {
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE);
  }

  function connect() {
    const events = new EventSource("api/v1/events");
    alarm();
    events.addEventListener("update", (event) => {
      alarm();
      if (fresh) opened();
      fresh = false;
      update(JSON.parse(event.data));
    });
    events.addEventListener("error", () => {
      fresh = true;
      lost();
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
    });
  }

  connect();
}
