// Calls every endpoint with the client that @hey-api/openapi-ts generates.
import assert from 'node:assert/strict';
import * as api from './generated';
import { createClient } from './generated/client';

const baseUrl = process.env['CARNET_URL']!;
const qyvo = { client: createClient({ baseUrl, auth: 'demo-token' }), throwOnError: true } as const;
const flowiq = { client: createClient({ baseUrl, auth: 'fiq_demo' }), throwOnError: true } as const;
const phone = '+14155550102';

async function main() {
  const body = { phone, name: 'Ada', tags: 'vip, beta', metadata: { plan: 'pro', visits: 3 } };
  const created = await api.createContact({ ...qyvo, body });
  const batch = await api.batchUpsertContacts({
    ...qyvo,
    headers: { 'Idempotency-Key': 'batch-2' },
    body: { contacts: [{ phone, name: 'Ada' }, { phone: '1' }] },
  });
  const [first, second] = batch.data.results;
  assert.equal(first?.contact?.id, created.data.id);
  assert.ok(second?.errors?.['contacts.1.phone']);
  const { data: contact } = await api.getContact({ ...qyvo, body: { phone } });
  assert.equal(contact.id, created.data.id);
  assert.deepEqual(contact.metadata, body.metadata);
  const change = { contact_id: contact.id, name: 'Ada Hey', metadata: { visits: 4 } };
  const updated = await api.updateContact({ ...qyvo, body: change });
  assert.equal(updated.data.name, 'Ada Hey');
  const found = await api.searchContacts({ ...qyvo, body: { query: 'ada hey', tag: 'vip' } });
  assert.deepEqual(found.data.map(({ id }) => id), [contact.id]);
  const added = await api.addTag({ ...qyvo, body: { phone, tag: 'new' } });
  assert.equal(added.data.tag_added, 'new');
  const removed = await api.removeTag({ ...qyvo, body: { phone, tag: 'beta' } });
  assert.deepEqual(removed.data.tags, ['vip', 'new']);
  const tags = await api.listTags({ ...qyvo, body: {} });
  assert.ok(tags.data.some(({ name }) => name === 'beta'));
  const me = await api.getMe(qyvo);
  const tenant: string | undefined = me.data.tenant?.id;
  assert.ok(tenant);

  const missing = await api.getContact({ client: qyvo.client, body: { phone: '+14155550199' } });
  assert.equal(missing.response?.status, 404);
  assert.deepEqual(missing.error, { error: 'Contact not found' });
  const invalid = await api.createContact({ client: qyvo.client, body: { phone: '4155550123' } });
  assert.equal(invalid.response?.status, 422);
  assert.ok(invalid.error && 'errors' in invalid.error);
  assert.equal(invalid.error.errors.phone?.length, 1);

  const query = { tenantId: 'demo' };
  const person = { phone_number: '27123456102', name: 'John Doe' };
  const john = await api.flowiqCreateContact({ ...flowiq, query, body: person });
  assert.equal(john.data.contact.full_name, 'John Doe');
  const same = await api.flowiqGetContact({ ...flowiq, query: { ...query, whatsapp_id: '27123456102' } });
  assert.equal(same.data.contact.organization_id, tenant);

  const document = await api.getOpenapiJson(qyvo);
  assert.equal(document.data.openapi, '3.1.0');
  const yaml = await api.getOpenapiYaml({ ...qyvo, parseAs: 'text' });
  assert.match(String(yaml.data), /^openapi: 3\.1\.0\n/);
  const events = await api.getAsyncapiJson(qyvo);
  assert.ok('MessageQueue' in events.data.channels);
  const eventsYaml = await api.getAsyncapiYaml({ ...qyvo, parseAs: 'text' });
  assert.match(String(eventsYaml.data), /^asyncapi: 3\.0\.0\n/);

  const deleted = await api.deleteContact({ ...qyvo, body: { phone } });
  assert.equal(deleted.data.deleted, true);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
