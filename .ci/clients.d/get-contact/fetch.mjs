const contact = await fetch('https://www.qyvo.io/api/v1/actions/get-contact', {
method: 'POST',
headers: {
Authorization: `Bearer ${process.env.QYVO_TOKEN}`,
'Content-Type': 'application/json',
},
body: JSON.stringify({ phone: '+14155550123' }),
}).then((r) => r.json());
