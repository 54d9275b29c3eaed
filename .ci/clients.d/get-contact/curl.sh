curl -X POST https://www.qyvo.io/api/v1/actions/get-contact \
-H "Authorization: Bearer YOUR_TOKEN_HERE" \
-H "Content-Type: application/json" \
-d '{"phone": "+14155550123"}'
