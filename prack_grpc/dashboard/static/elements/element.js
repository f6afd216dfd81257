// Elements are made here. Text, wherever it comes from, only becomes text.

/** An element; attributes whose names begin with "on" are listeners, those that are false are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Change the text of an element, if it is another one: a selection on the page stays. */
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
