import os, httpx
contact = httpx.post(
'https://www.qyvo.io/api/v1/actions/update-contact',
headers={'Authorization': f"Bearer {os.environ['QYVO_TOKEN']}"},
json={'phone': '+14155550123', 'metadata': {'lifetime_value': 9120.0}},
).json()
