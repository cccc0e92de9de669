// What stands in a bubble, type by type. Messages come from outside: nothing in them is taken for granted.

import { asText, el, icon, link, webAddress, words } from './dom.js';

const TYPES = {
  text: (content) => [words(content?.body)],
  interactive,
  button: (content) => [words(content?.text)],
  template,
  image: (content) => [picture(content), caption(content)],
  sticker: (content) => [picture(content, 'sticker')],
  video: (content) => [player('video', content), caption(content)],
  audio: (content) => [player('audio', content)],
  document: (content) => [file(content), caption(content)],
  location: (content) => [place(content)],
  contacts: (content) => list(content).map(contact),
  order: (content) => [order(content)],
  reaction: (content) => [words(content?.emoji ? `Reacted ${asText(content.emoji)}` : 'Took a reaction back')],
};

/** The elements of a message. */
export function content(message) {
  const type = asText(message?.type);
  const known = Object.hasOwn(TYPES, type) ? TYPES[type] : null;
  const parts = known ? known(message[type]) : [card('document', `Type ${type}`, asText(message?.[type] ?? message))];
  return parts.filter(Boolean);
}

/** The value if it is an array, else none. */
export function list(value) {
  return Array.isArray(value) ? value : [];
}

function interactive(content) {
  const reply = content?.button_reply ?? content?.list_reply;
  if (reply) {
    return [words(reply.title), reply.description && words(reply.description, { class: 'words soft' })];
  }
  if (!content?.body && !content?.action) {
    const type = asText(content?.type);
    return [card('reply', type, asText(content?.[type]))];
  }
  const header = content.header;
  return [
    header?.text && words(header.text, { class: 'words heading' }),
    header?.image && picture(header.image),
    header?.video && player('video', header.video),
    header?.document && file(header.document),
    words(content.body?.text),
    content.footer?.text && words(content.footer.text, { class: 'words footer' }),
  ];
}

function template(content) {
  const rows = list(content?.components).flatMap((component) => {
    const parameters = list(component?.parameters).filter((parameter) => parameter?.type !== 'payload');
    const kind = asText(component?.sub_type ?? component?.type).toLowerCase();
    return parameters.map((parameter, nth) => {
      const name = parameter?.parameter_name ?? `${kind} ${nth + 1}`;
      const value = parameter?.[asText(parameter?.type).toLowerCase()];
      return [el('dt', {}, asText(name)), el('dd', {}, shown(value))];
    });
  });
  return [
    card('template', asText(content?.name), `Template · ${asText(content?.language?.code)}`),
    rows.length > 0 && el('dl', { class: 'parameters' }, rows.flat()),
  ];
}

/** A parameter's value: a text, or the link or id of a medium. */
function shown(value) {
  // A text has a `link` too: a method that nobody has called for decades.
  if (typeof value === 'string') return value;
  return value?.link ? link(value.link, asText(value.link)) : asText(value?.id ?? value);
}

function caption(content) {
  return content?.caption ? words(content.caption) : null;
}

/** A card with picture, title and a line below. */
function card(picture, title, below, address = null) {
  const lines = el('span', { class: 'lines' }, el('strong', {}, title), below && el('small', {}, below));
  const inner = [icon(picture), lines];
  return address ? link(address, inner, { class: 'card' }) : el('div', { class: 'card' }, inner);
}

/** A medium that can't be shown: where it is, or what it is, or the id under which Meta has it. */
function mediaCard(name, title, content) {
  const below = asText(content?.link) || asText(content?.mime_type) || (content?.id ? `id ${asText(content.id)}` : '');
  return card(name, title, below, content?.link);
}

function picture(content, kind = 'image') {
  const title = kind === 'image' ? 'Picture' : 'Sticker';
  const fallback = mediaCard(kind, title, content);
  const address = webAddress(content?.link);
  if (!address) return fallback;
  const image = el('img', { src: address, alt: asText(content?.caption) || title, referrerpolicy: 'no-referrer' });
  // Until it is there, and where there is no network, the card stands for it.
  const frame = el('div', { class: `picture ${kind}` }, link(address, image), fallback);
  image.addEventListener('load', () => frame.classList.add('loaded'));
  image.addEventListener('error', () => image.parentElement.remove());
  return frame;
}

function player(kind, content) {
  const title = kind === 'video' ? 'Video' : (content?.voice ? 'Voice message' : 'Sound');
  const name = content?.voice ? 'voice' : kind;
  const address = webAddress(content?.link);
  const shownCard = mediaCard(name, title, content);
  if (!address) return shownCard;
  // Nothing is fetched before somebody presses play.
  const element = el(kind, { controls: true, preload: 'none', src: address, 'aria-label': title });
  element.addEventListener('error', () => element.remove());
  return el('div', { class: `player ${kind}` }, element, shownCard);
}

function file(content) {
  const name = asText(content?.filename) || 'Document';
  return mediaCard('document', name, content);
}

function place(content) {
  const at = `${asText(content?.latitude)}, ${asText(content?.longitude)}`;
  const [latitude, longitude] = [Number(content?.latitude), Number(content?.longitude)];
  const map = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=15/${latitude}/${longitude}`;
  const below = [asText(content?.address), at].filter(Boolean).join(' · ');
  const isOnEarth = Number.isFinite(latitude + longitude);
  return card('location', asText(content?.name) || 'Location', below, isOnEarth ? map : null);
}

function contact(one) {
  const phones = list(one?.phones).map((phone) => asText(phone?.phone ?? phone?.wa_id)).join(', ');
  return card('contacts', asText(one?.name?.formatted_name) || 'Contact', phones);
}

function order(content) {
  const rows = list(content?.product_items).map((item) => {
    const price = `${asText(item?.item_price)} ${asText(item?.currency)}`;
    return `${asText(item?.quantity)} × ${asText(item?.product_retailer_id)} (${price})`;
  });
  return card('order', asText(content?.text) || 'Order', rows.join(', '));
}
