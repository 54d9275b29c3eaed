// Runs the workflow of docs/clients.md with n8n's own execution engine and nodes, and prints the items of its last node.
//   node n8n.cjs WORKFLOW URL TOKEN
// The packages n8n-core and n8n-workflow, and n8n-nodes-base, have to be in the node_modules of the current directory.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');

const here = createRequire(join(process.cwd(), 'package.json'));
here('reflect-metadata');
const { Workflow, createRunExecutionData } = here('n8n-workflow');
const { WorkflowExecute, ExecutionLifecycleHooks } = here('n8n-core');
const nodes = {
  'n8n-nodes-base.manualTrigger': ['ManualTrigger/ManualTrigger', 'ManualTrigger'],
  'n8n-nodes-base.set': ['Set/Set', 'Set'],
  'n8n-nodes-base.httpRequest': ['HttpRequest/HttpRequest', 'HttpRequest'],
};

const ADDRESSES = ['restApiUrl', 'instanceBaseUrl', 'webhookBaseUrl', 'webhookWaitingBaseUrl', 'formWaitingBaseUrl'];

const nodeTypes = {
  types: {},
  getByName(name) {
    const [file, kind] = nodes[name];
    return (this.types[name] ??= new (here(`n8n-nodes-base/dist/nodes/${file}.node.js`)[kind])());
  },
  getByNameAndVersion(name, version) {
    const type = this.getByName(name);
    return type.nodeVersions ? type.getNodeType(version) : type;
  },
  getKnownTypes: () => ({}),
};

async function main([file, url, token]) {
  const { HttpBearerAuth } = here('n8n-nodes-base/dist/credentials/HttpBearerAuth.credentials.js');
  const credentialsHelper = {
    getParentTypes: () => [],
    isCredentialUsableByNode: () => true,
    getCredentialsProperties: () => new HttpBearerAuth().properties,
    getDecrypted: async () => ({ token }),
    preAuthentication: async () => undefined,
    runPreAuthentication: async () => undefined,
    // As n8n evaluates `authenticate` of the credential type.
    authenticate: async (credentials, _name, options) => ({
      ...options,
      headers: { ...options.headers, Authorization: `Bearer ${credentials.token}` },
    }),
  };
  const described = JSON.parse(readFileSync(file, 'utf8').replaceAll('http://127.0.0.1:3000', url));
  const workflow = new Workflow({ id: '1', active: false, nodeTypes, ...described });
  const additionalData = {
    credentialsHelper,
    currentNodeExecutionIndex: 0,
    // Addresses of an n8n server, which this run does not have.
    ...Object.fromEntries(ADDRESSES.map((name) => [name, 'http://127.0.0.1:1/'])),
    variables: {},
    hooks: new ExecutionLifecycleHooks('manual', '1', described),
    logAiEvent: () => {},
  };
  const engine = new WorkflowExecute(additionalData, 'manual', createRunExecutionData?.());
  const run = await engine.run({ workflow, startNode: workflow.getNode('Start') });
  const { error, runData } = run.data.resultData;
  if (error) throw error;
  const last = described.nodes.at(-1).name;
  console.log(JSON.stringify(runData[last][0].data.main[0].map(({ json }) => json)));
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
