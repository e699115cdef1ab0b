// A person in VS Code: opens a folder, starts the MCP server `warmline`, looks at its tools, and reads a resource.
// Takes one argument, a JSON object: the program of VS Code's server, playwright's module, the browser, its folder, the
// folder to open, whether it will be asked to trust that, and the resource. Prints what was seen, as JSON. On a failure
// the last that was on the screen is in `failed.png` in the browser's folder.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const LIMIT_MS = 30_000;
const STEP_MS = 5_000;
const TRIES = 8;
const told = JSON.parse(process.argv[2]);
const { chromium } = (await import(pathToFileURL(told.playwright))).default;

async function listening(server) {
  for await (const line of createInterface({ input: server.stdout })) {
    const found = line.match(/HTTP server listening on (http:\S+)/);
    if (found) return found[1];
  }
  throw new Error('the server of VS Code ended');
}

// What an editor shows, in which no blank may break a line.
async function shown(lines) {
  await lines.locator('.view-line', { hasText: /\S/ }).first().waitFor();
  return (await lines.innerText()).replaceAll('\u00a0', ' ');
}

class Screen {
  constructor(page) {
    this.page = page;
    this.rows = page.locator('.quick-input-widget .monaco-list-row');
  }

  row(label) {
    return this.page.locator(`.quick-input-widget .monaco-list-row[aria-label^="${label}"]`).first();
  }

  async choose(command, ...labels) {
    const input = this.page.locator('.quick-input-widget input').first();
    await this.page.keyboard.press('F1');
    await input.fill(`>${command}`, { timeout: STEP_MS });
    for (const label of [command, ...labels]) await this.row(label).click({ timeout: STEP_MS });
  }

  // While VS Code still starts, the keyboard may not be heard, what comes up late takes a list away, and a server that
  // is to be started is not.
  async untilDone(attempt) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (tries === TRIES) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
  }

  async chosen(...labels) {
    await this.untilDone(() => this.choose(...labels));
  }

  // Returns what it asked before it did.
  async start() {
    let asked = '';
    await this.untilDone(async () => {
      await this.choose('MCP: List Servers');
      const server = this.row('warmline,');
      if ((await server.getAttribute('aria-label', { timeout: STEP_MS })).includes('Stopped')) {
        await server.click({ timeout: STEP_MS });
        await this.row('Start Server').click({ timeout: STEP_MS });
        if (told.trusting && !asked) asked = await this.trust();
        await this.choose('MCP: List Servers');
      }
      await this.row('warmline, Running').waitFor({ timeout: STEP_MS });
      await this.page.keyboard.press('Escape');
    });
    return asked;
  }

  async trust() {
    const dialog = this.page.locator('.monaco-dialog-box');
    const asked = await dialog.innerText({ timeout: STEP_MS });
    await dialog.getByText('Trust Folder & Continue').click();
    return asked;
  }

  async output() {
    await this.chosen('MCP: List Servers', 'warmline,', 'Show Output');
    const lines = this.page.locator('.panel .view-lines');
    await lines.getByText('Discovered').first().waitFor();
    return shown(lines);
  }

  async tools() {
    await this.page.locator('[aria-label^="Configure Tools"]').first().click();
    await this.row('Warmline,').locator('.monaco-tl-twistie').click();
    await this.row('ask,').waitFor();
    const labels = await this.rows.evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-label')));
    await this.page.keyboard.press('Escape');
    return labels.slice(labels.findIndex((label) => label.startsWith('Warmline,')) + 1);
  }

  async resource(name) {
    await this.chosen('MCP: Browse Resources', name);
    return shown(this.page.locator('.editor-container .view-lines').first());
  }
}

async function look(page) {
  await page.locator('.statusbar-item').first().waitFor();
  const screen = new Screen(page);
  const asked = await screen.start();
  const output = await screen.output();
  return { asked, output, tools: await screen.tools(), resource: await screen.resource(told.resource) };
}

const server = spawn(told.program[0], told.program.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
try {
  const address = await listening(server);
  server.stdout.resume();
  const options = { executablePath: told.browser, viewport: { width: 1400, height: 1200 }, args: ['--disable-gpu'] };
  const browser = await chromium.launchPersistentContext(told.profile, options);
  try {
    const page = browser.pages()[0];
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(`${address}?folder=${encodeURIComponent(told.folder)}`);
    try {
      console.log(JSON.stringify(await look(page)));
    } catch (error) {
      await page.screenshot({ path: join(told.profile, 'failed.png') });
      throw error;
    }
  } finally {
    await browser.close();
  }
} finally {
  server.kill();
}
