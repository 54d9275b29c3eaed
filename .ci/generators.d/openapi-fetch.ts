// Calls every endpoint with the types of openapi-typescript and the client openapi-fetch.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { paths } from './api';

const baseUrl = process.env['CARNET_URL']!;
const qyvo = createClient<paths>({ baseUrl, headers: { Authorization: 'Bearer demo-token' } });
const flowiq = createClient<paths>({ baseUrl, headers: { Authorization: 'Bearer fiq_demo' } });
const phone = '+14155550101';

async function main() {
  const created = await qyvo.POST('/api/v1/actions/create-contact', {
    body: { phone, name: 'Ada', tags: 'vip, beta', metadata: { plan: 'pro', visits: 3 } },
  });
  const batch = await qyvo.POST('/api/v1/actions/batch-upsert-contacts', {
    params: { header: { 'Idempotency-Key': 'batch-1' } },
    body: { contacts: [{ phone, name: 'Ada' }, { phone: '1' }] },
  });
  const [first, second] = batch.data!.results;
  assert.equal(first?.contact?.id, created.data?.id);
  assert.ok(second?.errors?.['contacts.1.phone']);
  const { data: contact } = await qyvo.POST('/api/v1/actions/get-contact', { body: { phone } });
  assert.equal(contact?.id, created.data?.id);
  assert.deepEqual(contact?.metadata, { plan: 'pro', visits: 3 });
  const updated = await qyvo.POST('/api/v1/actions/update-contact', {
    body: { contact_id: contact!.id, name: 'Ada Fetch', metadata: { visits: 4 } },
  });
  assert.equal(updated.data?.name, 'Ada Fetch');
  const found = await qyvo.POST('/api/v1/actions/search-contacts', { body: { query: 'ada fetch', tag: 'vip' } });
  assert.deepEqual(found.data?.map(({ id }) => id), [contact!.id]);
  const added = await qyvo.POST('/api/v1/actions/add-tag', { body: { phone, tag: 'new' } });
  assert.equal(added.data?.tag_added, 'new');
  const removed = await qyvo.POST('/api/v1/actions/remove-tag', { body: { phone, tag: 'beta' } });
  assert.deepEqual(removed.data?.tags, ['vip', 'new']);
  const tags = await qyvo.POST('/api/v1/actions/list-tags', { body: {} });
  assert.ok(tags.data?.some(({ name }) => name === 'beta'));
  const me = await qyvo.GET('/api/v1/me');
  const tenant: string | undefined = me.data?.tenant?.id;
  assert.ok(tenant);

  const missing = await qyvo.POST('/api/v1/actions/get-contact', { body: { phone: '+14155550199' } });
  assert.equal(missing.response.status, 404);
  assert.deepEqual(missing.error, { error: 'Contact not found' });
  const invalid = await qyvo.POST('/api/v1/actions/create-contact', { body: { phone: '4155550123' } });
  assert.equal(invalid.response.status, 422);
  assert.ok(invalid.error && 'errors' in invalid.error);
  assert.equal(invalid.error.errors.phone?.length, 1);

  const query = { tenantId: 'demo' };
  const john = await flowiq.POST('/contact', {
    params: { query },
    body: { phone_number: '27123456101', name: 'John Doe' },
  });
  assert.equal(john.data?.contact.full_name, 'John Doe');
  const same = await flowiq.GET('/contact', { params: { query: { ...query, whatsapp_id: '27123456101' } } });
  assert.equal(same.data?.contact.organization_id, tenant);

  const document = await qyvo.GET('/api/v1/openapi.json');
  assert.equal(document.data?.openapi, '3.1.0');
  const yaml = await qyvo.GET('/api/v1/openapi.yaml', { parseAs: 'text' });
  assert.match(String(yaml.data), /^openapi: 3\.1\.0\n/);
  const events = await qyvo.GET('/api/v1/asyncapi.json');
  assert.ok(events.data && 'MessageQueue' in events.data.channels);
  const eventsYaml = await qyvo.GET('/api/v1/asyncapi.yaml', { parseAs: 'text' });
  assert.match(String(eventsYaml.data), /^asyncapi: 3\.0\.0\n/);

  const deleted = await qyvo.POST('/api/v1/actions/delete-contact', { body: { phone } });
  assert.equal(deleted.data?.deleted, true);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
