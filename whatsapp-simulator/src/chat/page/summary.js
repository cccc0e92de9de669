// A message in one line: for the list of people and for what a reply refers to.

import { asText } from './dom.js';

const NAMES = {
  image: 'Picture', video: 'Video', audio: 'Sound', document: 'Document', sticker: 'Sticker',
  location: 'Location', contacts: 'Contact', order: 'Order',
};

/** What stands for a message where there is little room. */
export function summary(message) {
  const type = asText(message?.type);
  const content = message?.[type];
  switch (type) {
    case 'text': return asText(content?.body);
    case 'interactive':
      return asText(content?.body?.text ?? content?.button_reply?.title ?? content?.list_reply?.title ?? 'Answer');
    case 'button': return asText(content?.text);
    case 'template': return `Template ${asText(content?.name)}`;
    case 'reaction': return content?.emoji ? `Reacted ${asText(content.emoji)}` : 'Took a reaction back';
    case 'system': return asText(content?.body);
    case 'edit': return `Edited: ${summary(content?.message)}`;
    case 'request_welcome': return 'Opened the chat';
    default: break;
  }
  const name = content?.voice ? 'Voice message' : (NAMES[type] ?? `Message of type ${type}`);
  const words = content?.caption ?? content?.filename ?? content?.name ?? content?.[0]?.name?.formatted_name;
  return words ? `${name}: ${asText(words)}` : name;
}
