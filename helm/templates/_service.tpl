{{/* A Service for ESMEs. Takes root, name, settings, listeners, and pod when it is for one pod only. */}}
{{- define "smsc.smppService" -}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels:
    {{- include "smsc.labels" .root | nindent 4 }}
    app.kubernetes.io/component: esme
  {{- with .settings.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .settings.type }}
  selector:
    {{- include "smsc.selectorLabels" .root | nindent 4 }}
    {{- with .pod }}
    statefulset.kubernetes.io/pod-name: {{ . }}
    {{- end }}
  {{- if ne .settings.type "ClusterIP" }}
  externalTrafficPolicy: {{ .settings.externalTrafficPolicy }}
  {{- end }}
  {{- with .settings.internalTrafficPolicy }}
  internalTrafficPolicy: {{ . }}
  {{- end }}
  {{- if eq .settings.type "LoadBalancer" }}
  {{- with .settings.loadBalancerClass }}
  loadBalancerClass: {{ . }}
  {{- end }}
  {{- with .settings.loadBalancerIP }}
  loadBalancerIP: {{ . | quote }}
  {{- end }}
  {{- with .settings.loadBalancerSourceRanges }}
  loadBalancerSourceRanges: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .settings.healthCheckNodePort }}
  healthCheckNodePort: {{ . }}
  {{- end }}
  {{- end }}
  {{- with .settings.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  sessionAffinity: None
  ports:
    {{- $settings := .settings }}
    {{- range $name, $listener := .listeners }}
    - name: {{ $name }}
      port: {{ $listener.servicePort | default $listener.port }}
      targetPort: {{ $name }}
      {{- if and (ne $settings.type "ClusterIP") $listener.nodePort }}
      nodePort: {{ $listener.nodePort }}
      {{- end }}
    {{- end }}
{{- end }}
