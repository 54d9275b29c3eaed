curl --request GET \
  --url https://api.flowiq.live/contact \
  --header 'Authorization: Bearer <token>'
