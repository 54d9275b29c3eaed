curl -X GET "https://api.flowiq.live/contact?tenantId=your-org&phone_number=27123456789" \
  -H "Authorization: Bearer fiq_YOUR_API_KEY"
