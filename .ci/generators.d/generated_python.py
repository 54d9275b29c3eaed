"""Calls every endpoint with the client that openapi-generator generates with its generator `python`."""

import os

import carnet_api
from carnet_api.exceptions import NotFoundException, UnprocessableEntityException
from carnet_api.models import (
    BatchUpsertContactsRequest,
    ContactKey,
    CreateContactRequest,
    FlowiqCreateContactRequest,
    GetContactRequest,
    ListTagsRequest,
    SearchContactsRequest,
    TagRequest,
    UpdateContactRequest,
)

URL = os.environ["CARNET_URL"]
PHONE = "+14155550105"


def client(token: str) -> carnet_api.ApiClient:
    return carnet_api.ApiClient(carnet_api.Configuration(host=URL, access_token=token))


def main() -> None:
    qyvo = carnet_api.QyvoApi(client("demo-token"))
    flowiq = carnet_api.FlowIQApi(client("fiq_demo"))
    documents = carnet_api.ContractDocumentApi(client("demo-token"))

    metadata = {"plan": "pro", "visits": 3}
    created = qyvo.create_contact(CreateContactRequest(phone=PHONE, name="Ada", tags="vip, beta", metadata=metadata))
    contacts = [CreateContactRequest(phone=PHONE, name="Ada"), CreateContactRequest(phone="+" + "1" * 7)]
    first, second = qyvo.batch_upsert_contacts(BatchUpsertContactsRequest(contacts=contacts), idempotency_key="batch-5").results
    assert first.contact and second.contact and first.contact.id == created.id != second.contact.id
    contact = qyvo.get_contact(GetContactRequest(phone=PHONE))
    assert contact.id == created.id and contact.metadata == metadata
    change = UpdateContactRequest(contact_id=str(contact.id), name="Ada Generated", metadata={"visits": 4})
    assert qyvo.update_contact(change).name == "Ada Generated"
    found = qyvo.search_contacts(search_contacts_request=SearchContactsRequest(query="ada generated", tag="vip"))
    assert [one.id for one in found] == [contact.id]
    assert qyvo.add_tag(TagRequest(phone=PHONE, tag="new")).tag_added == "new"
    assert qyvo.remove_tag(TagRequest(phone=PHONE, tag="beta")).tags == ["vip", "new"]
    assert "beta" in [tag.name for tag in qyvo.list_tags(list_tags_request=ListTagsRequest())]
    tenant = qyvo.get_me().tenant
    assert tenant is not None

    try:
        qyvo.get_contact(GetContactRequest(phone="+14155550199"))
        raise AssertionError("a contact that does not exist was found")
    except NotFoundException as error:
        assert error.data and error.data.error == "Contact not found"
    try:
        qyvo.create_contact(CreateContactRequest(phone=PHONE, email="nobody"))
        raise AssertionError("an address without @ was accepted")
    except UnprocessableEntityException as error:
        assert error.data and error.data.actual_instance.errors.email

    person = FlowiqCreateContactRequest(phone_number="27123456105", name="John Doe")
    john = flowiq.flowiq_create_contact(tenant_id="demo", flowiq_create_contact_request=person)
    assert john.contact.full_name == "John Doe"
    same = flowiq.flowiq_get_contact(tenant_id="demo", whatsapp_id="27123456105")
    assert same.contact.organization_id == tenant.id

    assert documents.get_openapi_json().openapi == "3.1.0"
    yaml = documents.get_openapi_yaml_without_preload_content()
    assert yaml.data.startswith(b"openapi: 3.1.0\n")
    assert "MessageQueue" in documents.get_asyncapi_json().channels
    yaml = documents.get_asyncapi_yaml_without_preload_content()
    assert yaml.data.startswith(b"asyncapi: 3.0.0\n")

    assert qyvo.delete_contact(ContactKey(phone=PHONE)).deleted


main()
