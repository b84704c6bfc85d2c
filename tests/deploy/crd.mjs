// Objects of the Prometheus operator and of cert-manager, against the schemas of their own definitions.
import fs from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { Certificate } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Certificate";

const kinds = { ServiceMonitor, PodMonitor, PrometheusRule, Certificate };
const seen = new Set();
let wrong = 0;
for (const file of fs.readdirSync(process.argv[2]).filter((name) => name.endsWith(".yaml"))) {
  for (const document of parseAllDocuments(fs.readFileSync(path.join(process.argv[2], file), "utf8"))) {
    const object = document.toJS();
    if (!object || !kinds[object.kind]) continue;
    seen.add(object.kind);
    try {
      new kinds[object.kind](object).validate();
    } catch (error) {
      wrong++;
      console.log(file, object.kind, error.message);
    }
  }
}
for (const kind of Object.keys(kinds).filter((kind) => !seen.has(kind))) {
  wrong++;
  console.log(`no value set renders a ${kind}`);
}
process.exit(wrong ? 1 : 0);
