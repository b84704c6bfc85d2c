{{/* The name of everything. StatefulSet names beyond 52 characters break the label controller-revision-hash. */}}
{{- define "smsc.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "smsc.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "smsc.labels" -}}
{{ include "smsc.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "smsc.headless" -}}{{ include "smsc.fullname" . }}-headless{{- end }}
{{- define "smsc.headlessDomain" -}}
{{ include "smsc.headless" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{- define "smsc.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "smsc.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "smsc.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $repository := ternary (printf "%s/%s" $registry .Values.image.repository) .Values.image.repository (ne $registry "") -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" $repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{/* "true" when the nodes form a cluster. Several nodes that do not know each other would each count an account's binds
     for themselves, and a receipt would wait where its customer is not. */}}
{{- define "smsc.clustered" -}}
{{- $several := or (gt (int .Values.replicaCount) 1) .Values.autoscaling.enabled -}}
{{- if kindIs "bool" .Values.cluster.enabled -}}
{{- if and $several (not .Values.cluster.enabled) (not .Values.existingConfig.name) -}}
{{- fail "cluster.enabled is false with more than one replica: nodes that do not know each other keep receipts from their customers. Set replicaCount to 1, or leave cluster.enabled empty." -}}
{{- end -}}
{{ .Values.cluster.enabled }}
{{- else -}}
{{ $several }}
{{- end -}}
{{- end }}

{{/* "90s" as seconds; whole numbers with one unit, which the schema asks for. */}}
{{- define "smsc.seconds" -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $count := trimSuffix $unit . | int -}}
{{- $of := dict "ms" 0 "s" 1 "m" 60 "h" 3600 -}}
{{- mul $count (get $of $unit) -}}
{{- end }}

{{/* A node needs drain.deadline to go, and some more to close its store; the preStop hook counts too. */}}
{{- define "smsc.graceMin" -}}
{{- $deadline := include "smsc.seconds" (dig "deadline" "90s" .Values.config.drain) | int -}}
{{- add $deadline (int .Values.preStop.sleepSeconds) 15 -}}
{{- end }}

{{- define "smsc.grace" -}}
{{- $min := include "smsc.graceMin" . | int -}}
{{- $given := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{ add $min 15 }}
{{- else if lt (int $given) $min -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: a node would be killed in the middle of its drain. config.drain.deadline, preStop.sleepSeconds and the closing of the store need at least %d." (int $given) $min) -}}
{{- else -}}
{{ int $given }}
{{- end -}}
{{- end }}

{{/* A quantity of memory in MiB: 2Gi, 512Mi, 1G, 800M or octets. */}}
{{- define "smsc.mebibytes" -}}
{{- $text := toString . -}}
{{- if hasSuffix "Gi" $text -}}{{ mulf (trimSuffix "Gi" $text | float64) 1024 | int }}
{{- else if hasSuffix "Mi" $text -}}{{ trimSuffix "Mi" $text | float64 | int }}
{{- else if hasSuffix "G" $text -}}{{ mulf (trimSuffix "G" $text | float64) 953.6 | int }}
{{- else if hasSuffix "M" $text -}}{{ mulf (trimSuffix "M" $text | float64) 0.9536 | int }}
{{- else -}}{{ div (int64 .) 1048576 }}
{{- end -}}
{{- end }}

{{/* The listeners that are on: a map by name. */}}
{{- define "smsc.listeners" -}}
{{- $on := dict -}}
{{- range $name, $listener := .Values.listeners -}}
{{- if $listener.enabled -}}
{{- $_ := set $on $name (merge (deepCopy $listener) (dict "tls" (dict "enabled" false) "proxyProtocol" (dict "required" false) "service" dict)) -}}
{{- end -}}
{{- end -}}
{{- if not $on -}}{{- fail "listeners: none is enabled, so no ESME could connect." -}}{{- end -}}
{{ toYaml $on }}
{{- end }}

{{/* The Secret with a listener's certificate: the user's, or the one that cert-manager writes. */}}
{{- define "smsc.listenerSecret" -}}
{{- $tls := .listener.tls -}}
{{- if $tls.existingSecret -}}{{ $tls.existingSecret }}
{{- else if .root.Values.certManager.enabled -}}{{ include "smsc.fullname" .root }}-{{ .name }}-tls
{{- else -}}
{{- fail (printf "listeners.%s.tls is enabled without a certificate: set listeners.%s.tls.existingSecret, or certManager.enabled." .name .name) -}}
{{- end -}}
{{- end }}

{{/* Whether nodes speak TLS to each other; by default when cert-manager can make their certificates. */}}
{{- define "smsc.clusterTls" -}}
{{- if kindIs "bool" .Values.cluster.tls.enabled -}}{{ .Values.cluster.tls.enabled }}
{{- else -}}{{ or .Values.certManager.enabled (ne .Values.cluster.tls.existingSecret "") }}
{{- end -}}
{{- end }}

{{- define "smsc.clusterSecret" -}}
{{- if .Values.cluster.tls.existingSecret -}}{{ .Values.cluster.tls.existingSecret }}
{{- else if .Values.certManager.enabled -}}{{ include "smsc.fullname" . }}-cluster-tls
{{- else -}}
{{- fail "cluster.tls is enabled without a certificate: set cluster.tls.existingSecret, or certManager.enabled." -}}
{{- end -}}
{{- end }}

{{- define "smsc.tokenSecret" -}}
{{ default (printf "%s-token" (include "smsc.fullname" .)) .Values.api.existingSecret }}
{{- end }}

{{- define "smsc.passwordSecret" -}}
{{ default (printf "%s-passwords" (include "smsc.fullname" .)) .Values.passwords.existingSecret }}
{{- end }}

{{/* The object that holds smsc.yaml. */}}
{{- define "smsc.configName" -}}
{{ default (printf "%s-config" (include "smsc.fullname" .)) .Values.existingConfig.name }}
{{- end }}

{{/* "Secret" when something in the file is one; else it can be read by whoever may read ConfigMaps. */}}
{{- define "smsc.configKind" -}}
{{- if .Values.existingConfig.name -}}{{ .Values.existingConfig.kind }}
{{- else -}}
{{- $secret := dig "store" "postgres" "urls" false .Values.config -}}
{{- range concat .Values.accounts .Values.operators -}}
{{- if or .password .password_hash -}}{{- $secret = true -}}{{- end -}}
{{- end -}}
{{ ternary "Secret" "ConfigMap" (not (empty $secret)) }}
{{- end -}}
{{- end }}
