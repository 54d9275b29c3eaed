const contact = await fetch('https://www.qyvo.io/api/v1/actions/create-contact', {
  method: 'POST',
  headers: {
    Authorization: `Bearer ${process.env.QYVO_TOKEN}`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({
    phone: '+14155550123',
    name: 'Romain',
    email: 'romain@example.com',
    tags: 'vip, fr-FR',
    metadata: { shopify_id: '12345', lifetime_value: 8742.0 },
  }),
}).then((r) => r.json());
