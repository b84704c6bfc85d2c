// Makes what is on the page like what came, and touches nothing else: the focus, what is selected, and what was typed stay.

const keeps = (node) => node.nodeType === 1 && node.id === "charts";

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    // What somebody opened stays open.
    if (name === "open" && old.tagName === "DETAILS") continue;
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (name === "open" && old.tagName === "DETAILS") continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.tagName === "METER") old.value = Number(fresh.getAttribute("value"));
}

const fits = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && (old.id ?? "") === (fresh.id ?? "");

export function morph(old, fresh) {
  if (!fits(old, fresh)) return old.replaceWith(fresh);
  if (old.nodeType !== 1) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (keeps(old)) return;
  attributes(old, fresh);
  if (old.tagName === "SELECT" && old === document.activeElement) return;
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id ? named.get(child.id) : null;
    if (known && known.nodeName === child.nodeName) {
      if (known === place) place = place.nextSibling;
      else old.insertBefore(known, place);
      morph(known, child);
    } else if (!child.id && place && fits(place, child)) {
      const next = place.nextSibling;
      morph(place, child);
      place = next;
    } else {
      old.insertBefore(child, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}
