const dark = matchMedia("(prefers-color-scheme: dark)");
const adapt = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", adapt);
adapt();

const tokens = JSON.parse(document.getElementById("tokens").textContent);

const ui = SwaggerUIBundle({
  domNode: document.body,
  url: "/api/v1/openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  onComplete: () => {
    for (const [scheme, token] of Object.entries(tokens)) {
      ui.preauthorizeApiKey(scheme, token);
    }
  },
});
