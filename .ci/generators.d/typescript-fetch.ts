// Calls every endpoint with the client that openapi-generator generates with its generator `typescript-fetch`.
import assert from 'node:assert/strict';
import { Configuration, ContractDocumentApi, FlowIQApi, QyvoApi, ResponseError } from './generated';

const basePath = process.env['CARNET_URL']!;
const qyvo = new QyvoApi(new Configuration({ basePath, accessToken: 'demo-token' }));
const flowiq = new FlowIQApi(new Configuration({ basePath, accessToken: 'fiq_demo' }));
const documents = new ContractDocumentApi(new Configuration({ basePath }));
const phone = '+14155550103';

// The status and the body of the error that a call is answered with.
async function refused(call: Promise<unknown>): Promise<[number, unknown]> {
  const error = await call.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof ResponseError);
  return [error.response.status, await error.response.json()];
}

async function main() {
  const createContactRequest = { phone, name: 'Ada', tags: 'vip, beta', metadata: { plan: 'pro', visits: 3 } };
  const created = await qyvo.createContact({ createContactRequest });
  const { results } = await qyvo.batchUpsertContacts({
    idempotencyKey: 'batch-3',
    batchUpsertContactsRequest: { contacts: [{ phone, name: 'Ada' }, { phone: '1' }] },
  });
  assert.equal(results[0]?.contact?.id, created.id);
  assert.ok(results[1]?.errors?.['contacts.1.phone']);
  const contact = await qyvo.getContact({ getContactRequest: { phone } });
  assert.equal(contact.id, created.id);
  assert.deepEqual(contact.metadata, createContactRequest.metadata);
  const updated = await qyvo.updateContact({
    updateContactRequest: { contactId: contact.id, name: 'Ada Generator', metadata: { visits: 4 } },
  });
  assert.equal(updated.name, 'Ada Generator');
  const found = await qyvo.searchContacts({ searchContactsRequest: { query: 'ada generator', tag: 'vip' } });
  assert.deepEqual(found.map(({ id }) => id), [contact.id]);
  const added = await qyvo.addTag({ tagRequest: { phone, tag: 'new' } });
  assert.equal(added.tagAdded, 'new');
  const removed = await qyvo.removeTag({ tagRequest: { phone, tag: 'beta' } });
  assert.deepEqual([...removed.tags], ['vip', 'new']);
  const tags = await qyvo.listTags({ listTagsRequest: {} });
  assert.ok(tags.some(({ name }) => name === 'beta'));
  const me = await qyvo.getMe();
  const tenant: string | undefined = me.tenant?.id;
  assert.ok(tenant);

  const missing = await refused(qyvo.getContact({ getContactRequest: { phone: '+14155550199' } }));
  assert.deepEqual(missing, [404, { error: 'Contact not found' }]);
  const [status] = await refused(qyvo.createContact({ createContactRequest: { phone: '4155550123' } }));
  assert.equal(status, 422);

  const tenantId = 'demo';
  const john = await flowiq.flowiqCreateContact({
    tenantId,
    flowiqCreateContactRequest: { phoneNumber: '27123456103', name: 'John Doe' },
  });
  assert.equal(john.contact.fullName, 'John Doe');
  const same = await flowiq.flowiqGetContact({ tenantId, whatsappId: '27123456103' });
  assert.equal(same.contact.organizationId, tenant);

  const document = await documents.getOpenapiJson();
  assert.equal(document.openapi, '3.1.0');
  const yaml = await documents.getOpenapiYamlRaw({}).then(({ raw }) => raw.text());
  assert.match(yaml, /^openapi: 3\.1\.0\n/);
  const events = await documents.getAsyncapiJson();
  assert.ok('MessageQueue' in events.channels);
  const eventsYaml = await documents.getAsyncapiYamlRaw({}).then(({ raw }) => raw.text());
  assert.match(eventsYaml, /^asyncapi: 3\.0\.0\n/);

  const deleted = await qyvo.deleteContact({ contactKey: { phone } });
  assert.equal(deleted.deleted, true);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
