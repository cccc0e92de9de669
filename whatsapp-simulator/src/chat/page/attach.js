// What a person can send beside text, and the forms for it.

import { ask, offer } from './sheet.js';

/** The pattern of a business-scoped user id. */
export const USER_ID = '[A-Z]{2}\\.(ENT\\.)?[A-Za-z0-9]{1,128}';
export const PHONE = '\\+?[0-9 ()\\-]{5,24}';

const FILENAME = { name: 'filename', label: 'File name', value: 'letter.pdf' };
const CAPTION = { name: 'caption', label: 'Caption', maxlength: 1024 };

/** Opens the choice; `does(deed)` gets what was chosen. */
export function attach(does) {
  const medium = (type) => (values) => void does({ media: { type, ...values } });
  const form = (icon, label, fields, done) => ({ icon, label, act: () => ask(label, fields, 'Send', done) });
  const atOnce = (icon, label, deed) => ({ icon, label, act: () => does(deed) });
  offer('Send', [
    form('image', 'Picture', [CAPTION], medium('image')),
    form('video', 'Video', [CAPTION], medium('video')),
    atOnce('audio', 'Sound', { media: { type: 'audio' } }),
    atOnce('voice', 'Voice message', { media: { type: 'voice' } }),
    form('document', 'Document', [FILENAME, CAPTION], medium('document')),
    atOnce('sticker', 'Sticker', { media: { type: 'sticker' } }),
    { icon: 'location', label: 'Location', act: () => goes(does) },
    form('contacts', 'Contact', CONTACT, (values) => void does(contact(values))),
    form('add-person', 'New number', MOVE, (values) => void does({ changeNumber: values })),
  ]);
}

const CONTACT = [
  { name: 'name', label: 'Name', required: true, value: 'Jo Example' },
  { name: 'phone', label: 'Phone', pattern: PHONE, value: '+1 555 000 2222' },
];
const MOVE = [
  { name: 'phone', label: 'New phone', required: true, pattern: PHONE },
  { name: 'bsuid', label: 'New business-scoped id, if there is one', pattern: USER_ID },
];

function contact({ name, phone }) {
  return { contacts: [{ name: { formatted_name: name }, ...(phone ? { phones: [{ phone }] } : {}) }] };
}

/** Asks where the person is. */
export function goes(does) {
  const degrees = (most) => ({ required: true, type: 'number', step: 'any', min: -most, max: most });
  const fields = [
    { name: 'latitude', label: 'Degrees north', value: '52.5163', ...degrees(90) },
    { name: 'longitude', label: 'Degrees east', value: '13.3777', ...degrees(180) },
    { name: 'name', label: 'Name', value: 'Brandenburg Gate' },
    { name: 'address', label: 'Address' },
  ];
  ask('Location', fields, 'Send', ({ latitude, longitude, ...beside }) =>
    void does({ location: { latitude: Number(latitude), longitude: Number(longitude), ...beside } }));
}
