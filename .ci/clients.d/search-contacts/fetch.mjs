const contacts = await fetch('https://www.qyvo.io/api/v1/actions/search-contacts', {
  method: 'POST',
  headers: {
    Authorization: `Bearer ${process.env.QYVO_TOKEN}`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({ query: 'smith', tag: 'vip' }),
}).then((r) => r.json());
