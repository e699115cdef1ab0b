// The controller of one bed: reads the probe, opens the valve.

const MAX_OPEN_SECONDS = 600;

// Open the valve of a bed until its soil is moist enough, at most ten minutes.
export async function waterBed(bed, probe, valve) {
  const started = Date.now();
  await valve.open();
  try {
    while ((await probe.moisture(bed)) < bed.wantedMoisture) {
      if (Date.now() - started > MAX_OPEN_SECONDS * 1000) {
        throw new Error(`bed ${bed.name} stays dry: check the hose and the pump`);
      }
      await new Promise((resume) => setTimeout(resume, 5000));
    }
  } finally {
    await valve.close();
  }
}
