// Making elements. What people write goes in as text and is never parsed as HTML.

const SVG = 'http://www.w3.org/2000/svg';
const ADDRESS = /https?:\/\/[^\s<>"']+/g;

/** An element with attributes (`onclick` and the like are listeners) and children; null, false and '' are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child || child === 0));
  return element;
}

/** A picture of the sprite in the page. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('icon', `icon-${name}`);
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Whatever this is, as text. */
export function asText(value) {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** The address if it is one of the web, else null: `javascript:` and its kin make no link. */
export function webAddress(value) {
  try {
    const url = new URL(asText(value));
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

/** A link that opens beside the chat; only its label where the address is none of the web. */
export function link(address, label, attributes = {}) {
  const href = webAddress(address);
  if (!href) return el('span', attributes, label);
  return el('a', { ...attributes, href, target: '_blank', rel: 'noopener noreferrer' }, label);
}

/** A text, its web addresses as links. */
export function words(text, attributes = { class: 'words' }) {
  const all = asText(text);
  const parts = [];
  let end = 0;
  for (const match of all.matchAll(ADDRESS)) {
    // A full stop after an address belongs to the sentence.
    const address = match[0].replace(/[.,;:!?)\]]+$/, '');
    parts.push(all.slice(end, match.index), link(address, address));
    end = match.index + address.length;
  }
  parts.push(all.slice(end));
  return el('p', attributes, parts);
}

/** Hours and minutes. */
export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
