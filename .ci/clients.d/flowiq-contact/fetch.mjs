async function getContact(apiKey, tenantId, phoneNumber) {
  const url = new URL("https://api.flowiq.live/contact");
  url.searchParams.set("tenantId", tenantId);
  url.searchParams.set("phone_number", phoneNumber);

  const response = await fetch(url.toString(), {
    headers: { Authorization: `Bearer ${apiKey}` },
  });

  const data = await response.json();
  if (!response.ok) throw new Error(data.message);
  return data.contact;
}
