import os, httpx
contact = httpx.post(
'https://www.qyvo.io/api/v1/actions/get-contact',
headers={'Authorization': f"Bearer {os.environ['QYVO_TOKEN']}"},
json={'phone': '+14155550123'},
).json()
