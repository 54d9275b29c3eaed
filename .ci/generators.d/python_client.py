"""Calls every endpoint with the client that openapi-python-client generates."""

import os

from carnet_client import AuthenticatedClient
from carnet_client.api.contract_document import (
    get_asyncapi_json,
    get_asyncapi_yaml,
    get_openapi_json,
    get_openapi_yaml,
)
from carnet_client.api.flow_iq import flowiq_create_contact, flowiq_get_contact
from carnet_client.api.qyvo import (
    add_tag,
    batch_upsert_contacts,
    create_contact,
    delete_contact,
    get_contact,
    get_me,
    list_tags,
    remove_tag,
    search_contacts,
    update_contact,
)
from carnet_client.models import (
    BatchUpserted,
    BatchUpsertContactsRequest,
    Contact,
    ContactKey,
    ContactNotFound,
    CreateContactRequest,
    CreatedContact,
    DeletedContact,
    Document,
    EventsDocument,
    FlowiqContactAnswer,
    FlowiqCreateContactRequest,
    FlowiqCreatedAnswer,
    GetContactRequest,
    Invalid,
    ListTagsRequest,
    Metadata,
    SearchContactsRequest,
    TagAdded,
    TagRemoved,
    TagRequest,
    UpdateContactRequest,
    UpdatedContact,
    User,
)
from carnet_client.types import Unset

URL = os.environ["CARNET_URL"]
PHONE = "+14155550104"


def main() -> None:
    qyvo = AuthenticatedClient(base_url=URL, token="demo-token", raise_on_unexpected_status=True)
    flowiq = AuthenticatedClient(base_url=URL, token="fiq_demo", raise_on_unexpected_status=True)

    metadata = Metadata.from_dict({"plan": "pro", "visits": 3})
    body = CreateContactRequest(phone=PHONE, name="Ada", tags="vip, beta", metadata=metadata)
    created = create_contact.sync(client=qyvo, body=body)
    assert isinstance(created, CreatedContact)
    contacts = [CreateContactRequest(phone=PHONE, name="Ada"), CreateContactRequest(phone="1")]
    batch = batch_upsert_contacts.sync(
        client=qyvo, body=BatchUpsertContactsRequest(contacts=contacts), idempotency_key="batch-4"
    )
    assert isinstance(batch, BatchUpserted)
    first, second = batch.results
    assert not isinstance(first.contact, Unset) and first.contact.id == created.id
    assert not isinstance(second.errors, Unset) and "contacts.1.phone" in second.errors
    contact = get_contact.sync(client=qyvo, body=GetContactRequest(phone=PHONE))
    assert isinstance(contact, Contact)
    assert contact.id == created.id and contact.metadata.to_dict() == {"plan": "pro", "visits": 3}
    change = UpdateContactRequest(contact_id=str(contact.id), name="Ada Client", metadata=Metadata.from_dict({"visits": 4}))
    updated = update_contact.sync(client=qyvo, body=change)
    assert isinstance(updated, UpdatedContact) and updated.name == "Ada Client"
    found = search_contacts.sync(client=qyvo, body=SearchContactsRequest(query="ada client", tag="vip"))
    assert isinstance(found, list) and [one.id for one in found] == [contact.id]
    added = add_tag.sync(client=qyvo, body=TagRequest(phone=PHONE, tag="new"))
    assert isinstance(added, TagAdded) and added.tag_added == "new"
    removed = remove_tag.sync(client=qyvo, body=TagRequest(phone=PHONE, tag="beta"))
    assert isinstance(removed, TagRemoved) and removed.tags == ["vip", "new"]
    tags = list_tags.sync(client=qyvo, body=ListTagsRequest())
    assert isinstance(tags, list) and "beta" in [tag.name for tag in tags]
    me = get_me.sync(client=qyvo)
    assert isinstance(me, User) and me.tenant is not None

    missing = get_contact.sync_detailed(client=qyvo, body=GetContactRequest(phone="+14155550199"))
    assert missing.status_code == 404 and isinstance(missing.parsed, ContactNotFound)
    invalid = create_contact.sync_detailed(client=qyvo, body=CreateContactRequest(phone="4155550123"))
    assert invalid.status_code == 422 and isinstance(invalid.parsed, Invalid)
    assert not isinstance(invalid.parsed.errors.phone, Unset)

    person = FlowiqCreateContactRequest(phone_number="27123456104", name="John Doe")
    john = flowiq_create_contact.sync(client=flowiq, tenant_id="demo", body=person)
    assert isinstance(john, FlowiqCreatedAnswer) and john.contact.full_name == "John Doe"
    same = flowiq_get_contact.sync(client=flowiq, tenant_id="demo", whatsapp_id="27123456104")
    assert isinstance(same, FlowiqContactAnswer) and same.contact.organization_id == me.tenant.id

    document = get_openapi_json.sync(client=qyvo)
    assert isinstance(document, Document)
    yaml = get_openapi_yaml.sync_detailed(client=qyvo)
    assert yaml.content.startswith(b"openapi: 3.1.0\n")
    events = get_asyncapi_json.sync(client=qyvo)
    assert isinstance(events, EventsDocument) and "MessageQueue" in events.channels
    yaml = get_asyncapi_yaml.sync_detailed(client=qyvo)
    assert yaml.content.startswith(b"asyncapi: 3.0.0\n")

    deleted = delete_contact.sync(client=qyvo, body=ContactKey(phone=PHONE))
    assert isinstance(deleted, DeletedContact) and deleted.deleted


main()
